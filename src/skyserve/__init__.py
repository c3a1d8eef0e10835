"""SkyServe: serve AI models anywhere. The Python SDK's names are here; see docs/sdk.md."""
