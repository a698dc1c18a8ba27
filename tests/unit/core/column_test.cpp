// Where element (b, i) of what was lent lies in a layout, and what does not fit one.
#include "support/catch_compat.hpp"

#include <cppo/core/column.hpp>

#include <limits>
#include <span>
#include <vector>

namespace {

using namespace cppo;

// The column that `x` becomes in a layout; the call must succeed. An advantage may repeat.
template <class T>
detail::column placed(T&& x, layout const& l, argument a = argument::advantage) {
  detail::column c;
  CHECK(detail::place(detail::make_buffer(x), l, a, c).ok());
  return c;
}
// The code with which a buffer is refused; the status must name the argument.
status_code refused_buffer(detail::buffer const& b, layout const& l, argument a = argument::advantage) {
  detail::column c;
  status const s = detail::place(b, l, a, c);
  CHECK(s.where == a);
  return s.code;
}
template <class T>
status_code refused(T&& x, layout const& l, argument a = argument::advantage) {
  return refused_buffer(detail::make_buffer(x), l, a);
}
// The extent that a buffer of another one is told it would need.
template <class T>
index_t wanted(T&& x, layout const& l, argument a = argument::log_prob) {
  detail::column c;
  status const s = detail::place(detail::make_buffer(x), l, a, c);
  CHECK(s.code == status_code::extent_mismatch);
  CHECK(s.where == a);
  return s.wanted;
}

constexpr auto no_fit = status_code::extent_mismatch;

}  // namespace

TEST_CASE("element (b, i) of a padded buffer", "[core]") {
  float x[12] = {};
  layout const l = padded(3, 4);
  CHECK(placed(x, l).offset(l, 2, 3) == 11);
  CHECK(placed(&x[0], l).offset(l, 1, 0) == 4);
  CHECK(placed(vector_view<float>(x, 1, 5), padded(1, 1)).offset(padded(1, 1), 0, 0) ==
        0);  // one element has no stride
  CHECK(placed(matrix_view<float>(x, 3, 4, 1, 3), l).offset(l, 2, 3) == 11);
  CHECK(placed(matrix_view<float>(x, 3, 4, 1, 3), l).offset(l, 1, 0) == 1);
  CHECK(placed(matrix_view<float>(x + 11, 3, 4, -4, -1), l).offset(l, 2, 3) == -11);
  CHECK(placed(matrix_view<float>(x, 3, 4, 0, 0), l).offset(l, 2, 3) == 0);
  for (index_t const width : {2, 3, 4}) {  // [B, 1]: one value per response
    layout const rows = padded(3, width);
    CHECK(placed(matrix_view<float>(x, 3, 1), rows).offset(rows, 2, width - 1) == 2);
  }
  CHECK(placed(matrix_view<double>(nullptr, 0, 0), padded(0, 0)).data == nullptr);
}

TEST_CASE("element (b, i) of a packed buffer, by narrow and wide offsets", "[core]") {
  float x[12] = {};
  std::int32_t const narrow[] = {0, 5, 5, 12};
  std::vector<std::int64_t> const wide(narrow, narrow + 4);
  for (layout const& l : {packed(narrow, 3), packed(wide)}) {
    CHECK(l.check().ok());
    CHECK(l.elements() == 12);
    CHECK(l.slots(0) == 5);
    CHECK(l.slots(1) == 0);
    CHECK(placed(x, l).offset(l, 2, 6) == 11);
    CHECK(placed(vector_view<float>(x, 12, 2), l).offset(l, 2, 1) == 12);
    CHECK(placed(vector_view<float>(x + 11, 12, -1), l).offset(l, 2, 0) == -5);
    CHECK(placed(vector_view<float>(x, 12, 0), l).offset(l, 2, 6) == 0);
  }
}

TEST_CASE("per_response lends one value to all tokens of a response in both layouts", "[core]") {
  double x[3] = {};
  std::int64_t const cuts[] = {0, 2, 2, 9};
  layout const shapes[] = {padded(3, 4), packed(cuts, 3)};
  for (layout const& l : shapes) {
    for (index_t i = 0; i < 2; ++i) {
      detail::column c;
      CHECK(detail::place(per_response(x).source, l, argument::advantage, c).ok());
      CHECK(c.offset(l, 2, i) == 2);
      CHECK(detail::place(per_response(&x[0]).source, l, argument::advantage, c).ok());
      CHECK(c.offset(l, 1, i) == 1);
      CHECK(detail::place(per_response(vector_view<double>(x + 2, 3, -1)).source, l, argument::advantage, c).ok());
      CHECK(c.offset(l, 2, i) == -2);
    }
    CHECK(refused_buffer(per_response(std::span<double>(x, 2)).source, l) == no_fit);
    CHECK(refused_buffer(per_response(matrix_view<double>(x, 2, 1)).source, l) == no_fit);
    CHECK(refused_buffer(per_response(matrix_view<double>(x, 3, 2)).source, l) == no_fit);
    for (matrix_view<double> const& v : {matrix_view<double>(x, 3, 1, 5, 7), matrix_view<double>(x, 1, 3, 7, 5)}) {
      detail::column c;
      CHECK(detail::place(per_response(v).source, l, argument::advantage, c).ok());
      CHECK(c.offset(l, 2, 1) == 10);
    }
  }
}

TEST_CASE("shapes that do not fit are refused by the name of their argument", "[core]") {
  float x[12] = {};
  std::int32_t const cuts[] = {0, 5, 11};
  layout const rows = padded(3, 4), cut = packed(cuts, 2);
  CHECK(refused(std::span<float>(x, 11), rows) == no_fit);
  CHECK(refused(std::span<float>(x, 10), cut) == no_fit);
  CHECK(refused(x, cut) == no_fit);
  CHECK(refused(matrix_view<float>(x, 4, 3), rows) == no_fit);
  CHECK(refused(matrix_view<float>(x, 2, 4), rows) == no_fit);
  CHECK(refused(matrix_view<float>(x, 1, 10), cut) == no_fit);
  CHECK(refused(matrix_view<float>(x, 10, 1), cut) == no_fit);
  CHECK(refused(matrix_view<float>(x, 2, 6), cut) == no_fit);
  CHECK(refused(vector_view<float>(x, 12, 2), rows) == no_fit);  // rank 1 says nothing of rows
  CHECK(refused(matrix_view<float>(x, 5, 4), rows) == no_fit);
  CHECK(refused(matrix_view<float>(x, 3, 5), rows) == no_fit);
  CHECK(refused(vector_view<float>(x, 2, 2), padded(1, 2)) == no_fit);
  CHECK(placed(vector_view<float>(x, 1, 5), padded(1, 1)).lent());  // a stride over nothing
  CHECK(refused(static_cast<float*>(nullptr), rows) == status_code::null_buffer);
  CHECK(placed(static_cast<float*>(nullptr), padded(0, 4)).data == nullptr);
}

TEST_CASE("F19_offsets_past_2_to_32", "[core]") {
  constexpr index_t tokens = (index_t{1} << 32) + 17;
  float const one = 1.0F;
  layout const long_row = padded(1, tokens);
  CHECK(long_row.check().ok());
  CHECK(long_row.elements() == tokens);
  detail::column const repeated = placed(matrix_view<float const>(&one, 1, tokens, 0, 0), long_row);
  CHECK(repeated.offset(long_row, 0, tokens - 1) == 0);
  CHECK(detail::load<float>(repeated.data, repeated.type, repeated.offset(long_row, 0, tokens - 1)) == 1.0F);
  detail::column const strided = placed(matrix_view<float const>(&one, 1, tokens, 0, 3), long_row);
  CHECK(strided.offset(long_row, 0, tokens - 1) == 3 * (tokens - 1));
  layout const many_rows = padded(tokens, 5);
  CHECK(many_rows.elements() == 5 * tokens);
  CHECK(placed(&one, many_rows).offset(many_rows, tokens - 1, 4) == 5 * tokens - 1);
  std::int64_t const cuts[] = {0, tokens, 2 * tokens};
  layout const cut = packed(cuts, 2);
  CHECK(cut.check().ok());
  CHECK(cut.slots(1) == tokens);
  CHECK(placed(vector_view<float const>(&one, 2 * tokens, 0), cut).offset(cut, 1, tokens - 1) == 0);
  CHECK(placed(&one, cut).offset(cut, 1, tokens - 1) == 2 * tokens - 1);
}

TEST_CASE("offsets and extents that are not valid are found", "[core]") {
  std::int32_t const down[] = {0, 4, 3}, negative[] = {-1, 4, 5}, late[] = {2, 4, 5};
  constexpr index_t most = index_t{1} << 62;
  std::int64_t const far[] = {0, 7, most}, too_far[] = {0, 7, most + 1};
  auto const bad = [](layout const& l, status_code code, index_t response) {
    status const s = l.check();
    CHECK(s.code == code);
    CHECK(s.where == argument::offsets);
    CHECK(s.response == response);
    CHECK(s.token == -1);
    CHECK(s.count == 1);
  };
  bad(packed(down, 2), status_code::bad_offsets, 1);
  bad(packed(negative, 2), status_code::bad_offsets, 0);
  bad(packed(negative, 2).with_capacity(5), status_code::bad_offsets, 0);
  bad(packed(late, 2), status_code::bad_offsets, 0);
  bad(packed(late, 0), status_code::bad_offsets, 0);
  bad(packed(too_far, 2), status_code::size_overflow, 1);
  CHECK(packed(far, 2).check().ok());
  CHECK(packed(down, 1).check().ok());
  CHECK(packed(static_cast<std::int64_t const*>(nullptr), 1).check().code == status_code::null_buffer);
  CHECK(packed(static_cast<std::int64_t const*>(nullptr), 0).check().ok());
  CHECK(padded(index_t{1} << 31, index_t{1} << 32).check().code == status_code::size_overflow);
  CHECK(padded(index_t{1} << 31, index_t{1} << 31).check().ok());
  CHECK(padded(index_t{1} << 62, 0).check().ok());
  CHECK(padded(most + 1, 1).check().code == status_code::size_overflow);
  CHECK(padded(most, 1).check().ok());
  CHECK(padded(-1, 3).check().code == status_code::bad_parameter);
  CHECK(padded(3, -1).check().code == status_code::bad_parameter);
  CHECK(padded(0, -1).check().where == argument::layout);
  CHECK(padded(0, 0).elements() == 0);
  CHECK(packed(static_cast<std::int64_t const*>(nullptr), 0).elements() == 0);
  CHECK(layout{}.responses() == 0);
  CHECK(layout{}.width() == 0);
}

TEST_CASE("of offsets on a device a host asks for the number of elements alone", "[core]") {
  std::int32_t const down[] = {0, 4, 3};
  constexpr index_t most = index_t{1} << 62;
  auto const of = [&down](index_t elements) { return packed_on_device(down, 2, elements); };
  CHECK(of(3).on_device());
  CHECK_FALSE(packed(down, 2).on_device());
  CHECK(of(3).elements() == 3);
  for (index_t const n : {index_t{0}, index_t{3}, most}) CHECK(of(n).check().ok());
  CHECK(of(-1).check().code == status_code::bad_parameter);
  CHECK(of(most + 1).check().code == status_code::size_overflow);
  CHECK(of(-1).check().where == argument::layout);
  CHECK(of(most + 1).check().where == argument::offsets);
  CHECK(packed_on_device(down, 0, 3).check().code == status_code::bad_parameter);  // nobody has them
  CHECK(packed_on_device(down, 0, 3).with_capacity(3).check().ok());
  CHECK(packed_on_device(static_cast<std::int64_t const*>(nullptr), 1, 3).check().code == status_code::null_buffer);
}

TEST_CASE("a packed layout takes views of one row or one column", "[core]") {
  float x[48] = {};
  std::int32_t const cuts[] = {0, 5, 11};
  layout const cut = packed(cuts, 2);
  CHECK(placed(matrix_view<float>(x, 1, 11), cut).offset(cut, 1, 2) == 7);
  CHECK(placed(matrix_view<float>(x, 11, 1), cut).offset(cut, 1, 2) == 7);
  CHECK(placed(matrix_view<float>(x, 1, 11, 99, 3), cut).offset(cut, 1, 2) == 21);
  CHECK(placed(matrix_view<float>(x, 11, 1, 4, 99), cut).offset(cut, 1, 2) == 28);
}

TEST_CASE("F34: a buffer longer than the offsets say is refused, whatever its kind", "[core]") {
  std::vector<float> x(16);
  std::int32_t const cuts[] = {0, 6, 10};
  layout const cut = packed(cuts, 2);
  for (argument const a : {argument::log_prob, argument::advantage, argument::response_mask, argument::gradient}) {
    CHECK(wanted(x, cut, a) == 10);
    CHECK(wanted(std::span<float>(x.data(), 11), cut, a) == 10);
    CHECK(wanted(std::span<float>(x.data(), 9), cut, a) == 10);
    CHECK(wanted(vector_view<float>(x.data(), 13), cut, a) == 10);
    CHECK(wanted(matrix_view<float>(x.data(), 1, 16), cut, a) == 10);
    CHECK(wanted(matrix_view<float>(x.data(), 13, 1), cut, a) == 10);
    CHECK(wanted(matrix_view<float>(x.data(), 2, 8), cut, a) == 1);  // dimensions
    CHECK(placed(std::span<float>(x.data(), 10), cut, a).lent());
    CHECK(placed(x.data(), cut, a).lent());  // a pointer does not know
  }
  detail::column c;
  CHECK(detail::place(per_response(x).source, cut, argument::advantage, c).wanted == 2);
  std::int32_t const none[] = {0};
  CHECK(wanted(x, packed(none, 0)) == 0);
}

TEST_CASE("F34: lengths given for offsets are refused, and every offset past the slots", "[core]") {
  std::vector<std::int64_t> const lengths{3, 5, 8}, one{5}, good{2, 6, 10};
  auto const code = [](layout const& l) {
    status const s = l.check();
    CHECK((s.ok() || s.where == argument::offsets || s.code == status_code::bad_parameter));
    return s.code;
  };
  CHECK(code(packed(lengths)) == status_code::bad_offsets);
  CHECK(code(packed(one)) == status_code::bad_offsets);
  CHECK(code(packed(good)) == status_code::bad_offsets);
  for (bool const clears : {false, true}) {
    auto const of = [&](index_t n) { return clears ? packed(good).with_capacity(n) : packed(good).part_of(n); };
    CHECK(code(of(10)) == status_code::ok);
    CHECK(code(of(16)) == status_code::ok);
    CHECK(code(of(9)) == status_code::bad_offsets);
    CHECK(of(9).check().response == 1);
    CHECK(code(of(-1)) == status_code::bad_parameter);
    CHECK(code(of((index_t{1} << 62) + 1)) == status_code::size_overflow);
    CHECK(of(16).elements() == 16);
    CHECK(of(16).covered() == 8);
    CHECK(wanted(std::vector<float>(10), of(16)) == 16);
    CHECK(placed(std::vector<float>(16), of(16), argument::log_prob).lent());
  }
}

TEST_CASE("F34: the slots of no response are spare where there is a capacity, and others' in a part", "[core]") {
  std::int32_t const cuts[] = {2, 6, 6, 10};
  auto const spare = [](layout const& l) {
    std::vector<index_t> slots;
    for (index_t k = 0; k < l.spare(); ++k) slots.push_back(l.spare_slot(k));
    return slots;
  };
  CHECK(spare(packed(cuts, 3).with_capacity(12)) == std::vector<index_t>{0, 1, 10, 11});
  CHECK(spare(packed(cuts, 3).with_capacity(10)) == std::vector<index_t>{0, 1});
  CHECK(spare(packed(cuts, 0).with_capacity(3)) == std::vector<index_t>{0, 1, 2});
  CHECK(spare(packed(static_cast<std::int32_t const*>(nullptr), 0).with_capacity(2)) == std::vector<index_t>{0, 1});
  CHECK(spare(packed(cuts, 3).part_of(12)).empty());
  CHECK(spare(packed(cuts, 3)).empty());
  CHECK(spare(padded(2, 3)).empty());
}

TEST_CASE("F35: an element stands for one token in all but advantages, masks and weights", "[core]") {
  float x[12] = {};
  std::int32_t const cuts[] = {0, 5, 11};
  layout const rows = padded(3, 4), cut = packed(cuts, 2), columns = padded(3, 1);
  for (argument const a : {argument::log_prob, argument::rollout_log_prob, argument::divergence, argument::token_id,
                           argument::gradient, argument::mask}) {
    CHECK(refused(matrix_view<float>(x, 3, 1), rows, a) == no_fit);
    CHECK(refused(matrix_view<float>(x, 3, 4, 1, 0), rows, a) == no_fit);
    CHECK(refused(matrix_view<float>(x, 3, 4, 0, 1), rows, a) == no_fit);
    CHECK(refused(matrix_view<float>(x, 3, 4, 2, 1), rows, a) == no_fit);
    CHECK(refused(vector_view<float>(x, 11, 0), cut, a) == no_fit);
    CHECK(refused_buffer(per_response(std::span<float>(x, 3)).source, columns, a) == no_fit);
    CHECK(placed(matrix_view<float>(x, 3, 1), columns, a).lent());
    CHECK(placed(matrix_view<float>(x, 1, 4, 0, 1), padded(1, 4), a).lent());
  }
  for (argument const a : {argument::advantage, argument::response_mask, argument::token_weight}) {
    CHECK(placed(matrix_view<float>(x, 3, 1), rows, a).offset(rows, 2, 3) == 2);
    CHECK(placed(matrix_view<float>(x, 3, 4, 0, 1), rows, a).offset(rows, 2, 3) == 3);
    CHECK(placed(vector_view<float>(x, 11, 0), cut, a).offset(cut, 1, 3) == 0);
  }
}

TEST_CASE("F35: a stride that leads out of memory is refused, whatever its sign and kind", "[core]") {
  float const x[12] = {};
  index_t const most = index_t{1} << 59, least = std::numeric_limits<index_t>::min();
  auto const code = [](auto const& lent, layout const& l, argument where) {
    detail::column c;
    return detail::place(detail::make_buffer(lent), l, where, c).code;
  };
  for (argument const where : {argument::log_prob, argument::advantage}) {
    for (index_t const far : {most / 3 + 1, -most / 3 - 1, index_t{1} << 62, least}) {
      CHECK(code(matrix_view<float const>(x, 3, 4, far, 1), padded(3, 4), where) == status_code::extent_mismatch);
      CHECK(code(matrix_view<float const>(x, 4, 3, 1, far), padded(4, 3), where) == status_code::extent_mismatch);
      CHECK(code(matrix_view<float const>(x, 1, 3, far, 1), padded(1, 3), where) == status_code::ok);
    }
    CHECK(code(matrix_view<float const>(x, 3, 4, most / 3, 1), padded(3, 4), where) == status_code::ok);
    CHECK(code(matrix_view<float const>(x, 3, 4, -most / 3, 1), padded(3, 4), where) == status_code::ok);
  }
  detail::buffer one_each = detail::make_buffer(vector_view<float const>(x, 3, most));
  one_each.per_response = true;
  detail::column c;
  status const s = detail::place(one_each, padded(3, 4), argument::advantage, c);
  CHECK(s.code == status_code::extent_mismatch);
  CHECK(s.where == argument::advantage);
}
