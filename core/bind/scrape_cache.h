// What native.ScrapeCache is.
#pragma once

#include <mutex>

#include "bind/module.h"
#include "text/scrape_cache.h"

// A cache that a scrape in a worker thread and the API may use at once. Nobody waits for the mutex with the
// GIL held, so taking the GIL back under the mutex cannot block for good.
class GuardedCache {
  public:
    template <typename F>
    auto with(F&& work) {
        nb::gil_scoped_release release;
        std::lock_guard lock(mutex_);
        return work(cache_);
    }

  private:
    std::mutex mutex_;
    narthex::ScrapeCache cache_;
};
