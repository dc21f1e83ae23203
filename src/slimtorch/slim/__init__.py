"""Takes out of a tree what nobody needs: passes propose, the proof judges, `apply` carries out, the ledger remembers."""
