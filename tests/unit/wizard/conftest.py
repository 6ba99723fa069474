import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # `screen`, a person at a terminal
