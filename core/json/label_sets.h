// Label names, values and sets as the JSON of Prometheus' HTTP API.
#pragma once

#include <string>

#include "labels/label_sets.h"
#include "labels/text_list.h"

namespace narthex {

// ["text",...]: the first `limit` (0: all).
std::string texts_json(const TextList& texts, size_t limit);

// Appends {"name":"value",...} of rows [row, last), a comma before each but row 0, until `out` holds `bytes`
// or more. Gives the first row that is left.
size_t rows_json(const LabelSets& rows, size_t row, size_t last, size_t bytes, std::string& out);

}  // namespace narthex
