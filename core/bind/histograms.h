// Histogram samples for Python.
#pragma once

#include "bind/module.h"
#include "chunk/histogram_columns.h"

// One dict of numpy arrays a run, see HistogramRun in _core.pyi.
nb::list histogram_runs(const narthex::HistogramColumns& samples);
