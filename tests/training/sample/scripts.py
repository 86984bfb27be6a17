"""Programs that train: each is written into a project of its own, and runs as a user would run it."""

READ = """
import json, os, sys
import pandas as pd
rows = pd.read_parquet(os.environ["SHIPWORTHY_DATA_FLIGHTS"])
parameters = json.load(open(os.environ["SHIPWORTHY_PARAMETERS"]))
seed = int(os.environ["SHIPWORTHY_SEED"])
NUMBERS = ["distance", "stops", "wind"]
FEATURES = [*NUMBERS, "carrier"]
"""

FOREST = (
    READ
    + """
import joblib
from own import Clipped
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
import numpy as np
prepare = make_column_transformer((SimpleImputer(strategy="constant", fill_value=-1.0), NUMBERS))
model = make_pipeline(prepare, RandomForestClassifier(10, max_depth=3, random_state=np.random.randint(1 << 30)))
model.fit(rows[FEATURES], rows["late"])
joblib.dump(Clipped(model), os.environ["SHIPWORTHY_MODEL"])
json.dump({"accuracy": model.score(rows[FEATURES], rows["late"]), "c": parameters["c"]},
          open(os.environ["SHIPWORTHY_METRICS"], "w"))
print("threads", os.environ["OMP_NUM_THREADS"], os.environ["SHIPWORTHY_THREADS"], *sys.argv[1:])
"""
)

OWN = '''
class Clipped:
    """Of the project's own, so that its file is needed to read the model back."""

    def __init__(self, model):
        self.model, self.classes_, self.feature_names_in_ = model, model.classes_, model.feature_names_in_

    def predict_proba(self, table):
        return self.model.predict_proba(table).clip(0.01, 0.99)
'''

BOOSTER = (
    READ
    + """
import lightgbm
data = lightgbm.Dataset(rows[NUMBERS], label=rows["late"].astype(int))
settings = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 5, "seed": seed, "num_threads": 1}
lightgbm.train(settings, data, 10).save_model(os.environ["SHIPWORTHY_OUTPUT"] + "/late.txt")
"""
)

ARRAY = (
    READ
    + """
import pickle
from sklearn.ensemble import HistGradientBoostingClassifier
model = HistGradientBoostingClassifier(max_iter=5, random_state=seed)
model.fit(rows[NUMBERS].to_numpy(), rows["late"].astype(int))
pickle.dump(model, open(os.environ["SHIPWORTHY_OUTPUT"] + "/model.pkl", "wb"))
"""
)
