"""What keeps a training to its declared inputs. Standard library only, as all of the runner."""
