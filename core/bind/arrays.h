// Handing columns to numpy: the array takes the vector over, nothing is copied.
#pragma once

#include <nanobind/ndarray.h>

#include <vector>

#include "bind/module.h"

// A one-dimensional numpy array that owns `values`.
template <typename T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> to_numpy(std::vector<T> values) {
    auto* owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, T, nb::ndim<1>>(owned->data(), {owned->size()}, owner);
}
