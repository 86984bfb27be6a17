"""Writes data/patients.parquet: scikit-learn's diabetes data, 442 patients, with names and units that can be read."""

from pathlib import Path

from sklearn.datasets import load_diabetes

NAMES = {
    "bp": "blood_pressure",
    "s1": "cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "blood_sugar",
    "target": "progression",
}


def main() -> None:
    """One row a patient; `progression` is the measure of the disease a year later."""
    patients = load_diabetes(as_frame=True, scaled=False).frame.rename(columns=NAMES)
    patients["sex"] = patients["sex"].map({1.0: "1", 2.0: "2"})  # the source does not say which is which
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    patients.to_parquet(folder / "patients.parquet", index=False)


if __name__ == "__main__":
    main()
