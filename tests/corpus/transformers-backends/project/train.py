import evaluate
from datasets import load_dataset
from peft import LoraConfig
from trl import SFTTrainer

accuracy = evaluate.load("accuracy")
trainer = SFTTrainer("mistralai/Mistral-7B-Instruct-v0.3", train_dataset=load_dataset("json", data_files="pairs.jsonl")["train"], peft_config=LoraConfig())
trainer.train()
trainer.save_model("adapter")
