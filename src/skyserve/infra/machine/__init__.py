"""What every infra made of whole machines shares: the machine-side tool, packing, the Shell."""
