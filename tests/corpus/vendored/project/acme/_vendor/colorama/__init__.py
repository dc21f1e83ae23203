class Fore:
    RED = "\033[31m"
