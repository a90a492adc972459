// Label text to Python. Stored text is valid UTF-8 by the time it gets here; anything else becomes U+FFFD
// rather than an exception.
#pragma once

#include <string_view>
#include <vector>

#include "bind/module.h"

inline nb::object text(std::string_view s) {
    return nb::steal(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
}

template <typename String>
nb::list texts(const std::vector<String>& strings) {
    nb::list out;
    for (std::string_view s : strings) out.append(text(s));
    return out;
}
