#include "source/base/regex.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

#include "source/base/concat.h"

namespace weir::base {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

RE2::Options optionsFor(const RegexLimits& limits) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(limits.max_memory_bytes));
  return options;
}

}  // namespace

struct Regex::Program {
  Program(std::string_view pattern, const RegexLimits& limits)
      : re2(piece(pattern), optionsFor(limits)) {}
  RE2 re2;
};

absl::StatusOr<Regex> Regex::compile(std::string_view pattern, const RegexLimits& limits) {
  auto program = std::make_shared<const Program>(pattern, limits);
  if (!program->re2.ok()) {
    // RE2 names the offending piece, but not where it stands.
    const std::string& piece = program->re2.error_arg();
    const size_t at = piece.empty() ? std::string_view::npos : pattern.find(piece);
    return absl::InvalidArgumentError(
        concat("bad regular expression \"", pattern, "\": ", program->re2.error(),
               at == std::string_view::npos ? "" : concat(" (at character ", at + 1, ")")));
  }
  if (program->re2.ProgramSize() > limits.max_program_size) {
    return absl::InvalidArgumentError(concat("regular expression \"", pattern,
                                             "\" is too large: ", program->re2.ProgramSize(),
                                             " instructions, at most ", limits.max_program_size));
  }
  return Regex(std::move(program));
}

bool Regex::fullMatch(std::string_view text) const {
  return RE2::FullMatch(piece(text), program_->re2);
}

bool Regex::partialMatch(std::string_view text) const {
  return RE2::PartialMatch(piece(text), program_->re2);
}

int Regex::groups() const {
  return program_->re2.NumberOfCapturingGroups();
}

absl::Status Regex::checkRewrite(std::string_view rewrite) const {
  std::string error;
  if (program_->re2.CheckRewriteString(piece(rewrite), &error)) return absl::OkStatus();
  return absl::InvalidArgumentError(concat("bad replacement \"", rewrite, "\": ", error));
}

std::string Regex::replaceAll(std::string_view text, std::string_view rewrite) const {
  std::string result(text);
  std::string error;
  if (program_->re2.CheckRewriteString(piece(rewrite), &error)) {
    RE2::GlobalReplace(&result, program_->re2, piece(rewrite));
  }
  return result;
}

std::string Regex::replaceFirst(std::string_view text, std::string_view rewrite) const {
  std::string result(text);
  std::string error;
  if (program_->re2.CheckRewriteString(piece(rewrite), &error)) {
    RE2::Replace(&result, program_->re2, piece(rewrite));
  }
  return result;
}

const std::string& Regex::pattern() const {
  return program_->re2.pattern();
}

struct RegexSet::Programs {
  std::vector<Regex>
      single;  // for a set of one, and for when the set's automaton outgrows its memory
  std::unique_ptr<RE2::Set> together;  // when there are two or more
};

absl::StatusOr<RegexSet> RegexSet::compile(std::span<const std::string> patterns,
                                           const RegexLimits& limits) {
  auto programs = std::make_shared<Programs>();
  for (size_t i = 0; i < patterns.size(); ++i) {
    absl::StatusOr<Regex> single = Regex::compile(patterns[i], limits);
    if (!single.ok()) {
      return absl::InvalidArgumentError(
          concat("pattern ", i, ": ", view(single.status().message())));
    }
    programs->single.push_back(*std::move(single));
  }
  if (patterns.size() > 1) {
    programs->together = std::make_unique<RE2::Set>(optionsFor(limits), RE2::ANCHOR_BOTH);
    for (const std::string& pattern : patterns) programs->together->Add(pattern, nullptr);
    if (!programs->together->Compile()) {
      return absl::InvalidArgumentError(concat(patterns.size(),
                                               " regular expressions need more than ",
                                               limits.max_memory_bytes, " bytes together"));
    }
  }
  return RegexSet(std::move(programs));
}

bool RegexSet::match(std::string_view text, std::vector<int>& indices) const {
  indices.clear();
  if (programs_->together != nullptr) {
    RE2::Set::ErrorInfo error{};
    if (programs_->together->Match(piece(text), &indices, &error)) {
      std::sort(indices.begin(), indices.end());
      return true;
    }
    if (error.kind == RE2::Set::kNoError) return false;
    indices.clear();
  }
  for (size_t i = 0; i < programs_->single.size(); ++i) {
    if (programs_->single[i].fullMatch(text)) indices.push_back(static_cast<int>(i));
  }
  return !indices.empty();
}

size_t RegexSet::size() const {
  return programs_->single.size();
}

}  // namespace weir::base
