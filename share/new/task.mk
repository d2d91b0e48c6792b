# SPDX-License-Identifier: Apache-2.0
# Trains two built-in models on it, for a few seconds. Longer training says more: see
# palimpsest help compare.
check: NAME.so
	$(PALIMPSEST) compare NAME --plugin ./NAME.so --models arm,mdm --set layers=2 --set width=32 \
	  --set heads=4 --set train.steps=1000 --set train.schedule=cosine
