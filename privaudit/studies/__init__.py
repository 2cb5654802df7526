"""Studies that check the toolkit against published claims and known defects; run by ``privaudit study NAME``."""
