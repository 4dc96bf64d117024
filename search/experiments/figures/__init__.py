"""The course report's nine figures, drawn anew from our own modules and from studies on record."""
