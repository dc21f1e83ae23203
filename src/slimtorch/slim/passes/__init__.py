"""One file a pass: facts about a tree → edits, each with its reason. Nothing here changes anything."""
