#!/bin/sh
# Checks the product as it stands, without publishing: its files, and what it promises over the example data.
set -e
cd "$(dirname "$0")"
mesh validate .
mesh quality run product.hcl --data {{port}}=example.csv
