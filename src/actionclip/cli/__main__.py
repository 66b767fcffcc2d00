"""`python -m actionclip.cli`, for launchers such as torchrun that start modules."""

from actionclip.cli.app import main

main()
