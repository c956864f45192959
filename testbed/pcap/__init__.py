"""Capture files: reading pcap and pcapng, writing pcapng, the columnar packet table."""
