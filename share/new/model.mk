# SPDX-License-Identifier: Apache-2.0
# Trains it beside a built-in model on a small task, for a few seconds; parameters, examples and
# steps are matched. Longer training and other tasks say more: see palimpsest help compare.
check: NAME.so
	$(PALIMPSEST) compare parity --plugin ./NAME.so --models mdm,NAME --set layers=1 \
	  --set width=16 --set heads=2 --set train_max=4 --set lengths=2,4 --set per_length=100 \
	  --set train.steps=1000
