"""Privacy games as data, how their risks relate, and a challenger that plays them."""
