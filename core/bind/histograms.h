// Histogram samples for Python.
#pragma once

#include "bind/module.h"
#include "chunk/histogram_columns.h"
#include "histogram/float_histogram.h"

// One dict of numpy arrays a run, see HistogramRun in _core.pyi.
nb::list histogram_runs(const narthex::HistogramColumns& samples);

// A value's fields, as FloatHistogram.plain gives them.
nb::dict plain_histogram(const narthex::FloatHistogramView& value);
