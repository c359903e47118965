"""Learning from knowledge: students, distillation, data sets, metrics."""
