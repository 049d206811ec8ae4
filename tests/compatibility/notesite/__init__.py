"""An ordinary Django project: admin, forms, files, streams, WhiteNoise."""
