// C++20 on top of plugin.hpp: how clients stay with their endpoint.
#ifndef WEIR_PLUGIN_STICKINESS_HPP_
#define WEIR_PLUGIN_STICKINESS_HPP_

#include "kinds.hpp"

namespace weir::sdk {

// The cluster whose clients are bound; good as long as the binding.
class StickyCluster {
 public:
  explicit StickyCluster(weir_sticky_cluster* cluster) : cluster_(cluster) {}
  std::string_view name() const { return view(api().cluster_name(cluster_)); }
  // 0: there is no such endpoint.
  uint64_t uidOf(std::string_view id) const { return api().uid_of(cluster_, str(id)); }
  std::string_view idOf(uint64_t uid) const { return view(api().id_of(cluster_, uid)); }

 private:
  static const weir_sticky_api& api() { return *host().sticky; }
  weir_sticky_cluster* cluster_;
};

// One request's part.
class Sticky {
 public:
  explicit Sticky(weir_sticky* sticky) : sticky_(sticky) {}
  // Eight bytes of one's own, from find() to onAnswer().
  uint64_t& note() const { return *api().note(sticky_); }
  bool mayWait() const { return api().may_wait(sticky_) != 0; }
  // After kWait: once, on the same thread, not after cancel(). 0: nobody knows.
  void found(uint64_t uid) const { api().found(sticky_, uid); }
  bool operator==(const Sticky& other) const { return sticky_ == other.sticky_; }

 private:
  static const weir_sticky_api& api() { return *host().sticky; }
  weir_sticky* sticky_;
};

struct StickyAnswer {
  uint32_t answer = WEIR_STICKY_UNBOUND;
  uint64_t uid = 0;

  static StickyAnswer bound(uint64_t uid) { return {WEIR_STICKY_BOUND, uid}; }
  static StickyAnswer wait() { return {WEIR_STICKY_WAIT, 0}; }
};

struct StickyOptions {
  bool serves_connections = false;      // it knows clients of connections too
  std::chrono::milliseconds wait{100};  // a request waits for found() at most
};

// A stickiness. Binding is made for each cluster and worker by Binding(Worker&, StickyCluster) and
// has
//   StickyAnswer find(Pick, Sticky);   and, when it cares:   void cancel(Sticky);
//   uint64_t onChosen(Pick, Sticky, uint64_t uid);  void onSend(Sticky, Headers request);
//   void onAnswer(Pick, Sticky, uint64_t uid, Headers response);
template <class Binding, class Settings = NoConfig, class Worker = void>
const weir_kind* stickiness(const KindOptions& options, const StickyOptions& sticky = {}) {
  weir_stickiness raw{};
  raw.serves_connections = sticky.serves_connections ? 1 : 0;
  raw.wait_ms = static_cast<uint32_t>(sticky.wait.count());
  raw.binding_create = [](void* worker, weir_sticky_cluster* cluster) {
    return detail::make<Binding, detail::WorkerOf<Settings, Worker>>(worker,
                                                                     StickyCluster(cluster));
  };
  raw.binding_destroy = [](void* binding) { delete static_cast<Binding*>(binding); };
  raw.find = [](void* binding, const weir_pick* pick, weir_sticky* request, uint64_t* uid) {
    StickyAnswer answer;
    detail::contain(
        [&] { answer = static_cast<Binding*>(binding)->find(Pick(pick), Sticky(request)); },
        [](std::string_view what) { fault(what); });
    *uid = answer.uid;
    return answer.answer;
  };
  if constexpr (requires(Binding & b, Sticky s) { b.cancel(s); }) {
    raw.cancel = [](void* binding, weir_sticky* request) {
      detail::contain([&] { static_cast<Binding*>(binding)->cancel(Sticky(request)); },
                      [](std::string_view what) { fault(what); });
    };
  }
  if constexpr (requires(Binding & b, Pick p, Sticky s) { b.onChosen(p, s, uint64_t{}); }) {
    raw.on_chosen = [](void* binding, const weir_pick* pick, weir_sticky* request, uint64_t uid) {
      uint64_t now_at = 0;
      detail::contain(
          [&] {
            now_at = static_cast<Binding*>(binding)->onChosen(Pick(pick), Sticky(request), uid);
          },
          [](std::string_view what) { fault(what); });
      return now_at;
    };
  }
  if constexpr (requires(Binding & b, Sticky s, Headers h) { b.onSend(s, h); }) {
    raw.on_send = [](void* binding, weir_sticky* request, weir_headers* headers) {
      detail::contain(
          [&] { static_cast<Binding*>(binding)->onSend(Sticky(request), Headers(headers)); },
          [](std::string_view what) { fault(what); });
    };
  }
  if constexpr (requires(Binding & b, Pick p, Sticky s, Headers h) {
                  b.onAnswer(p, s, uint64_t{}, h);
                }) {
    raw.on_answer = [](void* binding, const weir_pick* pick, weir_sticky* request, uint64_t uid,
                       weir_headers* headers) {
      detail::contain(
          [&] {
            static_cast<Binding*>(binding)->onAnswer(Pick(pick), Sticky(request), uid,
                                                     Headers(headers));
          },
          [](std::string_view what) { fault(what); });
    };
  }
  return detail::finishKind<Settings, Worker>(raw, WEIR_STICKINESS, options);
}

}  // namespace weir::sdk

#endif  // WEIR_PLUGIN_STICKINESS_HPP_
