import optuna


def objective(trial):
    return trial.suggest_float("lr", 1e-5, 1e-1, log=True)


optuna.create_study().optimize(objective, n_trials=10)
