def name_direction(v, labels): return str(labels)
