"""A release as a container image, and programs run inside one, by whichever of docker, podman and buildah is there."""
