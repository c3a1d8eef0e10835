"""What contracts/infra.py promises, checked against every infra that can be had here.

A new infra joins by a module in benches/ (see bench.py); no test is written anew for it.
"""
