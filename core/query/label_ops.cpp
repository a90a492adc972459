#include "query/label_ops.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "labels/xxhash64.h"

namespace narthex {

namespace {

// Puts name=value into a row that is sorted by name; an empty value only removes.
void put(LabelSets& out, std::vector<LabelPair>& pairs, uint32_t name, std::string_view value) {
    std::erase_if(pairs, [&](LabelPair p) { return p.name == name; });
    if (value.empty()) return;
    std::string_view text = out.text(name);
    auto at = std::find_if(pairs.begin(), pairs.end(), [&](LabelPair p) { return out.text(p.name) > text; });
    pairs.insert(at, {name, out.symbols()->intern(value)});
}

void append_sized(std::string& out, std::string_view s) {
    if (s.size() < 255) {
        out.push_back(static_cast<char>(s.size()));
    } else {
        out.push_back(static_cast<char>(255));
        for (int shift = 0; shift < 24; shift += 8) out.push_back(static_cast<char>(s.size() >> shift));
    }
    out.append(s);
}

}  // namespace

LabelSets take_rows(const LabelSets& rows, std::span<const int64_t> order) {
    LabelSets out(rows.symbols());
    for (int64_t i : order) {
        if (i < 0 || static_cast<size_t>(i) >= rows.rows()) throw std::out_of_range("row out of range");
        out.add_row(rows.row(static_cast<size_t>(i)));
    }
    return out;
}

LabelSets concat_rows(std::span<const LabelSets* const> tables) {
    LabelSets out;
    std::vector<LabelPair> pairs;
    for (const LabelSets* table : tables) {
        SymbolMapper map(*table->symbols(), *out.symbols());
        for (size_t i = 0; i < table->rows(); ++i) {
            pairs.clear();
            for (LabelPair p : table->row(i)) pairs.push_back(map(p));
            out.add_row(pairs);
        }
    }
    return out;
}

std::vector<int64_t> sorted_rows(const LabelSets& rows) {
    std::vector<int64_t> order(rows.rows());
    std::iota(order.begin(), order.end(), 0);
    auto less = [&](int64_t a, int64_t b) {
        return compare_rows(rows, static_cast<size_t>(a), rows, static_cast<size_t>(b)) < 0;
    };
    if (!std::is_sorted(order.begin(), order.end(), less)) std::stable_sort(order.begin(), order.end(), less);
    return order;
}

LabelSets remove_labels(const LabelSets& rows, std::span<const std::string_view> names,
                        std::span<const uint8_t> flags) {
    if (!flags.empty() && flags.size() != rows.rows())
        throw std::invalid_argument("one flag a row is needed");
    std::vector<uint32_t> ids;
    for (std::string_view name : names) ids.push_back(rows.symbols()->find(name));
    LabelSets out(rows.symbols());
    std::vector<LabelPair> pairs;
    for (size_t i = 0; i < rows.rows(); ++i) {
        if (!flags.empty() && !flags[i]) {
            out.add_row(rows.row(i));
            continue;
        }
        pairs.clear();
        for (LabelPair p : rows.row(i)) {
            if (std::find(ids.begin(), ids.end(), p.name) == ids.end()) pairs.push_back(p);
        }
        out.add_row(pairs);
    }
    return out;
}

LabelColumn label_column(const LabelSets& rows, std::string_view name) {
    LabelColumn out;
    uint32_t id = rows.symbols()->find(name);
    std::unordered_map<uint32_t, uint32_t> seen;  // symbol to position in `values`
    for (size_t i = 0; i < rows.rows(); ++i) {
        uint32_t value = SymbolTable::kNone;
        for (LabelPair p : rows.row(i)) {
            if (p.name == id) value = p.value;
        }
        auto [at, fresh] = seen.try_emplace(value, static_cast<uint32_t>(out.values.size()));
        if (fresh) {
            std::string_view text;
            if (value != SymbolTable::kNone) text = rows.text(value);
            out.values.push_back(text);
        }
        out.ids.push_back(at->second);
    }
    return out;
}

LabelSets set_label(const LabelSets& rows, std::string_view name, std::span<const uint32_t> ids,
                    std::span<const std::optional<std::string>> values) {
    if (ids.size() != rows.rows()) throw std::invalid_argument("one id a row is needed");
    LabelSets out;
    SymbolMapper map(*rows.symbols(), *out.symbols());
    uint32_t target = out.symbols()->intern(name);
    std::vector<LabelPair> pairs;
    for (size_t i = 0; i < rows.rows(); ++i) {
        if (ids[i] >= values.size()) throw std::out_of_range("value id out of range");
        pairs.clear();
        for (LabelPair p : rows.row(i)) pairs.push_back(map(p));
        if (const auto& value = values[ids[i]]) put(out, pairs, target, *value);
        out.add_row(pairs);
    }
    return out;
}

LabelSets join_label(const LabelSets& rows, std::string_view target, std::string_view separator,
                     std::span<const std::string_view> sources, QueryBudget& budget) {
    LabelSets out;
    SymbolMapper map(*rows.symbols(), *out.symbols());
    uint32_t name = out.symbols()->intern(target);
    std::vector<LabelPair> pairs;
    std::string joined;
    for (size_t i = 0; i < rows.rows(); ++i) {
        budget.check();
        size_t size = 0;
        for (size_t k = 0; k < sources.size(); ++k)
            size += rows.value(i, sources[k]).size() + (k > 0 ? separator.size() : 0);
        budget.hold_text(size);
        joined.clear();
        for (size_t k = 0; k < sources.size(); ++k) {
            if (k > 0) joined.append(separator);
            joined.append(rows.value(i, sources[k]));
        }
        pairs.clear();
        for (LabelPair p : rows.row(i)) pairs.push_back(map(p));
        put(out, pairs, name, joined);
        out.add_row(pairs);
    }
    return out;
}

std::vector<uint64_t> stable_hashes(const LabelSets& rows) {
    std::vector<uint64_t> out;
    std::string bytes;
    for (size_t i = 0; i < rows.rows(); ++i) {
        bytes.clear();
        for (LabelPair p : rows.row(i)) {
            append_sized(bytes, rows.text(p.name));
            append_sized(bytes, rows.text(p.value));
        }
        out.push_back(xxhash64(bytes));
    }
    return out;
}

}  // namespace narthex
