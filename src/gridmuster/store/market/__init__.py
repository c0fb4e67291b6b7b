"""Files of market data, and fetching them from those who publish them."""
