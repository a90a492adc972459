#include "labels/text_list.h"

#include <algorithm>

#include "labels/word_sort.h"

namespace narthex {

TextList::TextList(std::vector<std::string_view> texts, size_t limit) {
    // A small part of many is found without sorting the rest; repetitions leave room for others.
    if (limit > 0 && limit < texts.size() / 8) {
        auto kept = texts.begin() + static_cast<ptrdiff_t>(limit);
        std::nth_element(texts.begin(), kept, texts.end());
        std::sort(texts.begin(), kept);
        if (std::adjacent_find(texts.begin(), kept) == kept) texts.erase(kept, texts.end());
    }
    size_t bytes = 0;
    for (std::string_view text : texts) bytes += text.size();
    bytes_.reserve(bytes);
    ends_.reserve(texts.size());
    auto take = [&](std::string_view text) {
        if (limit > 0 && size() == limit) return;
        if (size() == 0 || (*this)[size() - 1] != text) add(text);
    };
    if (std::is_sorted(texts.begin(), texts.end())) {
        for (std::string_view text : texts) take(text);
    } else {
        for (uint32_t i : text_order(texts)) take(texts[i]);
    }
}

void TextList::add(std::string_view text) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
}

TextList merge_texts(std::span<const TextList* const> lists, size_t limit) {
    TextList out;
    std::vector<size_t> next(lists.size(), 0);
    while (limit == 0 || out.size() < limit) {
        const TextList* best = nullptr;
        std::string_view text;
        for (size_t k = 0; k < lists.size(); ++k) {
            if (next[k] == lists[k]->size()) continue;
            std::string_view candidate = (*lists[k])[next[k]];
            if (best == nullptr || candidate < text) {
                best = lists[k];
                text = candidate;
            }
        }
        if (best == nullptr) break;
        out.add(text);
        for (size_t k = 0; k < lists.size(); ++k) {
            if (next[k] < lists[k]->size() && (*lists[k])[next[k]] == text) ++next[k];
        }
    }
    return out;
}

}  // namespace narthex
