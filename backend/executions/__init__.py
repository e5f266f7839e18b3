"""What ran: executions, their lineage, and the ways in which they start, resume and are checked."""
