"""The networks at work: territories of a sequence (segment), twitch trains of territories (signals)."""
