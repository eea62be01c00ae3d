"""发现 → 整改 → 销号: the ground's own story."""
