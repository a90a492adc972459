#include "json/label_sets.h"

#include <algorithm>

#include "json/result.h"

namespace narthex {

std::string texts_json(const TextList& texts, size_t limit) {
    std::string out = "[";
    size_t n = limit == 0 ? texts.size() : std::min(limit, texts.size());
    for (size_t i = 0; i < n; ++i) {
        if (i > 0) out += ',';
        write_string(out, texts[i]);
    }
    return out + "]";
}

size_t rows_json(const LabelSets& rows, size_t row, size_t last, size_t bytes, std::string& out) {
    last = std::min(last, rows.rows());
    for (; row < last && out.size() < bytes; ++row) {
        if (row > 0) out += ',';
        write_labels(out, rows, row);
    }
    return row;
}

}  // namespace narthex
