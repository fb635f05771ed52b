"""What people know of dates and a history does not: holidays, make-up working days, campaigns, days to ignore."""
