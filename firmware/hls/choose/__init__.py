"""Types of a float or partly typed network, chosen from data until a stated loss is used up."""
