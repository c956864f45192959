"""The client side of SMTP: how a host hands mail over."""
