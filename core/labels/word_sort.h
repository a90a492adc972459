// Sorting things that are sequences of 64-bit words, such as texts and label sets: each pass compares one
// integer that lies beside its item, and only items that are still equal look at their next word.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace narthex {

// Word `depth` of an item; 0 behind its end and nowhere else.
template <typename WordAt>
std::vector<uint32_t> order_by_words(size_t items, WordAt&& word_at) {
    struct Key {
        uint64_t word;
        uint32_t item;
    };
    struct Range {
        size_t first, last, depth;
    };
    std::vector<Key> keys(items);
    for (size_t i = 0; i < items; ++i) keys[i].item = static_cast<uint32_t>(i);
    // A stack of its own: equal texts of a megabyte must not use up the thread's.
    std::vector<Range> todo;
    if (items > 0) todo.push_back({0, items, 0});
    while (!todo.empty()) {
        Range range = todo.back();
        todo.pop_back();
        auto begin = keys.begin() + static_cast<ptrdiff_t>(range.first);
        auto end = keys.begin() + static_cast<ptrdiff_t>(range.last);
        for (auto k = begin; k != end; ++k) k->word = word_at(k->item, range.depth);
        auto less = [](const Key& a, const Key& b) { return a.word < b.word; };
        if (!std::is_sorted(begin, end, less)) std::sort(begin, end, less);
        for (size_t i = range.first; i < range.last;) {
            size_t next = i + 1;
            while (next < range.last && keys[next].word == keys[i].word) ++next;
            if (next - i > 1 && keys[i].word != 0) todo.push_back({i, next, range.depth + 1});
            i = next;
        }
    }
    std::vector<uint32_t> order(items);
    for (size_t i = 0; i < items; ++i) order[i] = keys[i].item;
    return order;
}

// Seven bytes of a text, big end first, and how many of them (8: more follow).
inline uint64_t text_word(std::string_view text, size_t depth) {
    size_t at = depth * 7;
    if (at >= text.size()) return 0;
    size_t left = std::min<size_t>(text.size() - at, 8);
    uint64_t word = 0;
    for (size_t i = 0; i < 7; ++i)
        word = word << 8 | (i < left ? static_cast<unsigned char>(text[at + i]) : 0u);
    return word << 8 | left;
}

// Positions of the texts in byte order.
inline std::vector<uint32_t> text_order(std::span<const std::string_view> texts) {
    return order_by_words(texts.size(), [&](uint32_t i, size_t depth) { return text_word(texts[i], depth); });
}

}  // namespace narthex
