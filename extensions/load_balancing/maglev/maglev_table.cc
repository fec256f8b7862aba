#include "extensions/load_balancing/maglev/maglev_table.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "source/base/hash.h"

namespace weir::extensions::load_balancing::maglev {
namespace {

constexpr uint32_t kNobody = ~uint32_t{0};

// One endpoint while the table is filled.
struct Claimant {
  uint64_t uid;
  uint32_t host;
  uint32_t weight;
  uint32_t place;  // the entry that it would like to have next
  uint32_t skip;
  uint32_t target = 0;  // entries that it is to have
};

// In an order that depends on who they are, not on where they stand in the host set.
std::vector<Claimant> claimants(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                                uint32_t size) {
  std::vector<Claimant> claimants;
  claimants.reserve(group.hosts.size());
  for (const uint32_t host : group.hosts) {
    const uint64_t uid = hosts.hosts[host].uid;
    const std::string_view bytes(reinterpret_cast<const char*>(&uid), sizeof uid);
    claimants.push_back({uid, host, hosts.hosts[host].endpoint->weight,
                         static_cast<uint32_t>(base::hash64(bytes, 0) % size),
                         static_cast<uint32_t>(base::hash64(bytes, 1) % (size - 1)) + 1});
  }
  std::sort(claimants.begin(), claimants.end(),
            [](const Claimant& a, const Claimant& b) { return a.uid < b.uid; });
  return claimants;
}

// Shares out `size` entries by weight to the last one (largest remainder), at least one for each.
void setTargets(std::vector<Claimant>& claimants, uint32_t size) {
  uint64_t weights = 0;
  for (const Claimant& claimant : claimants) weights += claimant.weight;
  std::vector<std::pair<uint64_t, uint32_t>> remainders;
  int64_t left = size;
  for (uint32_t i = 0; i < claimants.size(); ++i) {
    const uint64_t share = uint64_t{claimants[i].weight} * size;
    claimants[i].target = std::max<uint32_t>(1, static_cast<uint32_t>(share / weights));
    left -= claimants[i].target;
    remainders.emplace_back(share % weights, i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t i = 0; left > 0; i = (i + 1) % remainders.size(), --left) {
    ++claimants[remainders[i].second].target;
  }
  // The least weights had less than one: who has most gives it to them.
  while (left < 0) {
    auto most =
        std::max_element(claimants.begin(), claimants.end(),
                         [](const Claimant& a, const Claimant& b) { return a.target < b.target; });
    const auto take = std::min<int64_t>(-left, std::max<uint32_t>(1, most->target / 16));
    most->target -= static_cast<uint32_t>(take);
    left += take;
  }
}

// The entries of a table while it is filled.
class Filling {
 public:
  Filling(std::vector<Claimant>& claimants, uint32_t size)
      : claimants_(claimants), size_(size), owners_(size, kNobody), seconds_(size, kNobody) {}

  void run() {
    for (const uint32_t claimant : turns()) claim(claimants_[claimant]);
    findSeconds();
  }
  const std::vector<uint32_t>& owners() const { return owners_; }
  const std::vector<uint32_t>& seconds() const { return seconds_; }

 private:
  // Who claims when: the targets are shared out over the rounds evenly, so that all are done with
  // the last one. In order of rounds, and in each as claimants_.
  std::vector<uint32_t> turns() const {
    uint64_t rounds = 0;
    for (const Claimant& claimant : claimants_)
      rounds = std::max<uint64_t>(rounds, claimant.target);
    const auto roundOf = [rounds](uint64_t turn, const Claimant& claimant) {
      return ((turn + 1) * rounds - 1) / claimant.target;
    };
    std::vector<uint32_t> next(rounds + 1);
    for (const Claimant& claimant : claimants_) {
      for (uint32_t i = 0; i < claimant.target; ++i) ++next[roundOf(i, claimant) + 1];
    }
    std::partial_sum(next.begin(), next.end(), next.begin());
    std::vector<uint32_t> turns(size_);
    for (uint32_t number = 0; number < claimants_.size(); ++number) {
      const Claimant& claimant = claimants_[number];
      for (uint32_t i = 0; i < claimant.target; ++i) turns[next[roundOf(i, claimant)]++] = number;
    }
    return turns;
  }
  uint32_t nextOf(Claimant& claimant) const {
    const uint32_t place = claimant.place;
    claimant.place += claimant.skip;
    if (claimant.place >= size_) claimant.place -= size_;
    return place;
  }
  void claim(Claimant& claimant) {
    uint32_t place = nextOf(claimant);
    while (owners_[place] != kNobody) {
      wish(place, claimant.host);
      place = nextOf(claimant);
    }
    owners_[place] = claimant.host;
  }
  void wish(uint32_t place, uint32_t host) {
    if (seconds_[place] == kNobody && owners_[place] != host) {
      seconds_[place] = host;
      ++with_second_;
    }
  }
  // All go on to say what they would like, until each entry has been named by somebody else.
  void findSeconds() {
    if (claimants_.size() == 1) {
      seconds_ = owners_;
      return;
    }
    while (with_second_ < size_) {
      for (Claimant& claimant : claimants_) wish(nextOf(claimant), claimant.host);
    }
  }

  std::vector<Claimant>& claimants_;
  const uint32_t size_;
  std::vector<uint32_t> owners_;
  std::vector<uint32_t> seconds_;
  uint32_t with_second_ = 0;
};

}  // namespace

bool isPrime(uint32_t number) {
  if (number < 4) return number > 1;
  if (number % 2 == 0) return false;
  for (uint64_t divisor = 3; divisor * divisor <= number; divisor += 2) {
    if (number % divisor == 0) return false;
  }
  return true;
}

uint32_t primeFrom(uint32_t number) {
  while (!isPrime(number)) ++number;
  return number;
}

MaglevTable::MaglevTable(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                         uint32_t size)
    : size_(primeFrom(std::max(size, static_cast<uint32_t>(group.hosts.size())))) {
  std::vector<Claimant> all = claimants(hosts, group, size_);
  setTargets(all, size_);
  Filling filling(all, size_);
  filling.run();
  const auto keep = [&](auto& entries) {
    entries.reserve(size_t{2} * size_);
    entries.assign(filling.owners().begin(), filling.owners().end());
    entries.insert(entries.end(), filling.seconds().begin(), filling.seconds().end());
  };
  if (hosts.hosts.size() <= 65536) {
    keep(narrow_);
  } else {
    keep(wide_);
  }
}

}  // namespace weir::extensions::load_balancing::maglev
