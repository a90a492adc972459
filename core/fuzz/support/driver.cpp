// Runs a fuzz target without libFuzzer: files given as arguments first, then deterministic mutations of them
// and random bytes. Meant for the checks; for real fuzzing build with clang (see CONTRIBUTING.md).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_file(const char* path) {
    Bytes out;
    if (std::FILE* f = std::fopen(path, "rb")) {
        uint8_t buffer[4096];
        for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, f)) > 0;)
            out.insert(out.end(), buffer, buffer + n);
        std::fclose(f);
    }
    return out;
}

void mutate(Bytes& b, std::mt19937_64& random) {
    for (size_t edits = 1 + random() % 4; edits > 0; --edits) {
        size_t at = b.empty() ? 0 : random() % b.size();
        switch (random() % 4) {
            case 0:
                if (!b.empty()) b[at] ^= static_cast<uint8_t>(1u << random() % 8);
                break;
            case 1:
                if (!b.empty()) b[at] = static_cast<uint8_t>(random());
                break;
            case 2:
                b.insert(b.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
                break;
            default:
                if (!b.empty()) b.resize(at);
        }
    }
}

// A private copy of exactly the right size, so that the sanitizer sees every read past the end.
void run(const Bytes& b) {
    auto* copy = static_cast<uint8_t*>(std::malloc(b.size() + (b.empty() ? 1 : 0)));
    std::copy(b.begin(), b.end(), copy);
    LLVMFuzzerTestOneInput(copy, b.size());
    std::free(copy);
}

}  // namespace

int main(int argc, char** argv) {
    const char* asked = std::getenv("NARTHEX_FUZZ_RUNS");
    long runs = asked ? std::atol(asked) : 5000;
    std::mt19937_64 random(1);
    std::vector<Bytes> seeds;
    for (int i = 1; i < argc; ++i) {
        seeds.push_back(read_file(argv[i]));
        run(seeds.back());
    }
    for (long i = 0; i < runs; ++i) {
        Bytes input;
        if (!seeds.empty() && random() % 4 != 0) {
            input = seeds[random() % seeds.size()];
            mutate(input, random);
        } else {
            input.resize(random() % 512);
            for (uint8_t& b : input) b = static_cast<uint8_t>(random() >> 13);
        }
        run(input);
    }
    std::printf("%s: %ld inputs\n", argv[0], runs + static_cast<long>(seeds.size()));
}
