#include "query/rows.h"

#include <algorithm>
#include <stdexcept>

#include "chunk/stale.h"

namespace narthex {

namespace {

void check_ids(std::span<const uint32_t> ids, size_t count) {
    for (uint32_t id : ids) {
        if (id >= count) throw std::out_of_range("row id out of range");
    }
}

}  // namespace

std::optional<Collision> find_collision(const double* cells, size_t steps, std::span<const uint32_t> ids,
                                        size_t count) {
    check_ids(ids, count);
    std::vector<uint32_t> rows_of(count, 0);
    for (uint32_t id : ids) ++rows_of[id];
    if (std::all_of(rows_of.begin(), rows_of.end(), [](uint32_t n) { return n < 2; })) return {};
    constexpr uint32_t kNobody = 0xffffffff;
    std::vector<uint32_t> owner(count * steps, kNobody);
    for (size_t row = 0; row < ids.size(); ++row) {
        uint32_t* owners = owner.data() + ids[row] * steps;
        for (size_t k = 0; k < steps; ++k) {
            if (is_stale(cells[row * steps + k])) continue;
            if (owners[k] != kNobody) return Collision{owners[k], row, k};
            owners[k] = static_cast<uint32_t>(row);
        }
    }
    return {};
}

void merge_cells(const double* cells, size_t steps, std::span<const uint32_t> ids, size_t count,
                 double* out) {
    check_ids(ids, count);
    std::fill(out, out + count * steps, stale_nan());
    for (size_t row = 0; row < ids.size(); ++row) {
        double* to = out + ids[row] * steps;
        const double* from = cells + row * steps;
        for (size_t k = 0; k < steps; ++k) to[k] = is_stale(from[k]) ? to[k] : from[k];
    }
}

void mark_presence(const double* cells, size_t steps, std::span<const uint32_t> ids, size_t count,
                   uint8_t* out) {
    check_ids(ids, count);
    std::fill(out, out + count * steps, uint8_t{0});
    for (size_t row = 0; row < ids.size(); ++row) {
        uint8_t* to = out + ids[row] * steps;
        const double* from = cells + row * steps;
        for (size_t k = 0; k < steps; ++k) to[k] |= !is_stale(from[k]);
    }
}

void mask_cells(const double* cells, size_t steps, std::span<const uint32_t> ids, const uint8_t* presence,
                size_t count, bool wanted, double* out) {
    check_ids(ids, count);
    for (size_t row = 0; row < ids.size(); ++row) {
        const uint8_t* flags = presence + ids[row] * steps;
        const double* from = cells + row * steps;
        double* to = out + row * steps;
        for (size_t k = 0; k < steps; ++k) to[k] = (flags[k] != 0) == wanted ? from[k] : stale_nan();
    }
}

std::vector<int64_t> rows_with_values(const double* cells, size_t rows, size_t steps) {
    std::vector<int64_t> out;
    for (size_t row = 0; row < rows; ++row) {
        const double* from = cells + row * steps;
        if (std::any_of(from, from + steps, [](double v) { return !is_stale(v); }))
            out.push_back(static_cast<int64_t>(row));
    }
    return out;
}

}  // namespace narthex
