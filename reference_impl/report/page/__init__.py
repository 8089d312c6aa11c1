"""The report page: one HTML file that needs no network, for `--report DIR` and for notebooks. The extra `report`."""
