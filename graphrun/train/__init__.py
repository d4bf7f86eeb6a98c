"""Training: the step for each number of rows (plan), the loop, its history, what is shown (screen, report), what is kept (run_folder), and
where a value stopped being finite (trace)."""
