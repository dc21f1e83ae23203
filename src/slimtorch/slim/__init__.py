"""Takes out of a tree what nobody needs: passes propose, proofs judge, `apply` carries out, the ledger remembers."""
