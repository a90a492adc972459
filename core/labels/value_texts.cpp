#include "labels/value_texts.h"

#include <algorithm>

#include "bytes/utf8.h"

namespace narthex {

void ValueTexts::reserve(size_t values, size_t bytes) {
    starts_.reserve(values);
    ids_.reserve(values);
    text_.reserve(bytes + values * kBreak.size());
}

void ValueTexts::add(std::string_view value, uint32_t id) {
    if (value.empty() || value.find('\n') != std::string_view::npos || !is_utf8(value)) {
        odd_.push_back({std::string(value), id});
        return;
    }
    starts_.push_back(text_.size());
    ids_.push_back(id);
    text_ += value;
    text_ += kBreak;
}

std::vector<uint32_t> ValueTexts::matching(const std::vector<Wildcard>& alternatives, bool negate) const {
    std::vector<uint32_t> out;
    for (size_t i = 0; i < starts_.size(); ++i) {
        size_t end = i + 1 < starts_.size() ? starts_[i + 1] : text_.size();
        std::string_view value(text_.data() + starts_[i], end - starts_[i] - kBreak.size());
        if (matches_any(alternatives, value) != negate) out.push_back(ids_[i]);
    }
    size_t regular = out.size();
    for (const Odd& o : odd_) {
        if (matches_any(alternatives, o.value) != negate) out.push_back(o.id);
    }
    std::inplace_merge(out.begin(), out.begin() + static_cast<ptrdiff_t>(regular), out.end());
    return out;
}

std::vector<uint32_t> ValueTexts::within(std::span<const int64_t> spans, std::span<const uint32_t> odd,
                                         bool negate) const {
    std::vector<uint32_t> out;
    size_t next = 0;
    auto position = [&](int64_t at) {
        return static_cast<size_t>(std::lower_bound(starts_.begin() + static_cast<ptrdiff_t>(next),
                                                    starts_.end(), static_cast<uint64_t>(at)) -
                                   starts_.begin());
    };
    auto take = [&](size_t to, bool wanted) {
        if (to <= next) return;
        if (wanted) {
            out.insert(out.end(), ids_.begin() + static_cast<ptrdiff_t>(next),
                       ids_.begin() + static_cast<ptrdiff_t>(to));
        }
        next = to;
    };
    for (size_t i = 0; i + 1 < spans.size(); i += 2) {
        take(position(spans[i]), negate);
        take(position(spans[i + 1]), !negate);
    }
    take(starts_.size(), negate);
    size_t regular = out.size();
    for (const Odd& o : odd_) {
        if (std::binary_search(odd.begin(), odd.end(), o.id) != negate) out.push_back(o.id);
    }
    std::inplace_merge(out.begin(), out.begin() + static_cast<ptrdiff_t>(regular), out.end());
    return out;
}

}  // namespace narthex
