import hydra
import lightning as L
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="../configs", config_name="train")
def main(config: DictConfig) -> None:
    L.seed_everything(config.seed)
    print(OmegaConf.to_yaml(config))
    callbacks = [instantiate(one) for one in config.callbacks]
    trainer = instantiate(config.trainer, logger=instantiate(config.logger), callbacks=callbacks)
    trainer.fit(instantiate(config.model), instantiate(config.data))


if __name__ == "__main__":
    main()
