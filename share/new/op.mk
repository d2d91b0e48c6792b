# SPDX-License-Identifier: Apache-2.0
# Compares kernel, reference and gradient on random cases.
check: NAME.so
	$(PALIMPSEST) check-op NAME --plugin ./NAME.so --n 100
