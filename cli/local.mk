# SPDX-License-Identifier: Apache-2.0
# Floor 8: the program. It sees only what the shared library exports.
bin_PROGRAMS += palimpsest
palimpsest_SOURCES = \
	%D%/answers.c \
	%D%/bench.c \
	%D%/chart.c \
	%D%/check_op.c \
	%D%/choose.c \
	%D%/compare.c \
	%D%/compile.c \
	%D%/compiled.c \
	%D%/continue.c \
	%D%/curve.c \
	%D%/decoding.c \
	%D%/entry.c \
	%D%/eval.c \
	%D%/evaluate.c \
	%D%/figures.c \
	%D%/fold.c \
	%D%/help.c \
	%D%/info.c \
	%D%/instances.c \
	%D%/job.c \
	%D%/json.c \
	%D%/manifest.c \
	%D%/metrics.c \
	%D%/new.c \
	%D%/recorder.c \
	%D%/lines.c \
	%D%/list.c \
	%D%/lock.c \
	%D%/log.c \
	%D%/losses.c \
	%D%/main.c \
	%D%/near.c \
	%D%/pinned.c \
	%D%/options.c \
	%D%/outputs.c \
	%D%/page.c \
	%D%/plan.c \
	%D%/plot.c \
	%D%/plugins.c \
	%D%/points.c \
	%D%/pram.c \
	%D%/progress.c \
	%D%/prompt.c \
	%D%/provenance.c \
	%D%/recipes.c \
	%D%/report.c \
	%D%/report_page.c \
	%D%/row.c \
	%D%/rundir.c \
	%D%/runs.c \
	%D%/sample.c \
	%D%/signals.c \
	%D%/simulate.c \
	%D%/standard.c \
	%D%/steps.c \
	%D%/table.c \
	%D%/table_json.c \
	%D%/terminal.c \
	%D%/text.c \
	%D%/trace.c \
	%D%/trace_page.c \
	%D%/trace_play.c \
	%D%/trace_record.c \
	%D%/trace_show.c \
	%D%/trace_svg.c \
	%D%/trace_verb.c \
	%D%/train.c \
	%D%/training.c \
	%D%/validation.c \
	%D%/waiting.c
noinst_HEADERS += \
	%D%/answers.h \
	%D%/chart.h \
	%D%/choose.h \
	%D%/compiled.h \
	%D%/curve.h \
	%D%/decoding.h \
	%D%/embedded.h \
	%D%/entry.h \
	%D%/evaluate.h \
	%D%/figures.h \
	%D%/fold.h \
	%D%/help.h \
	%D%/instances.h \
	%D%/job.h \
	%D%/json.h \
	%D%/manifest.h \
	%D%/metrics.h \
	%D%/recorder.h \
	%D%/lines.h \
	%D%/lock.h \
	%D%/losses.h \
	%D%/near.h \
	%D%/pinned.h \
	%D%/options.h \
	%D%/outputs.h \
	%D%/page.h \
	%D%/plugins.h \
	%D%/log.h \
	%D%/points.h \
	%D%/progress.h \
	%D%/provenance.h \
	%D%/prompt.h \
	%D%/recipes.h \
	%D%/report_page.h \
	%D%/row.h \
	%D%/rundir.h \
	%D%/runs.h \
	%D%/signals.h \
	%D%/standard.h \
	%D%/steps.h \
	%D%/table.h \
	%D%/table_json.h \
	%D%/terminal.h \
	%D%/text.h \
	%D%/trace.h \
	%D%/trace_page.h \
	%D%/trace_record.h \
	%D%/trace_show.h \
	%D%/training.h \
	%D%/validation.h \
	%D%/waiting.h \
	%D%/verbs.h
palimpsest_LDADD = libpalimpsest.la $(BENCH_PEAK_LIBS) $(JANSSON_LIBS)

# Files that are compiled in: recipes of `palimpsest compare` and `palimpsest info recipe`.
recipes = recipes/dyck.conf recipes/mincut.conf recipes/parity.conf recipes/pram.conf recipes/star.conf recipes/sudoku.conf
nodist_palimpsest_SOURCES = cli/recipes_text.c cli/start_text.c cli/page_text.c
CLEANFILES += cli/recipes_text.c cli/start_text.c cli/page_text.c
EXTRA_DIST += $(recipes) $(starts) $(pages) tools/embed.sh
pages = share/page/trace.html
# What `palimpsest new` writes.
starts = share/new/common.mk share/new/model.c share/new/model.mk share/new/op.c share/new/op.mk \
	share/new/task.c share/new/task.mk
embed = set -- && for file in $$files; do \
	  test -f $$file || file=$(srcdir)/$$file; set -- "$$@" "$$file"; done && \
	  $(MKDIR_P) cli && sh $(srcdir)/tools/embed.sh $$array "$$ending" "$$@" >$@-t && mv $@-t $@
cli/recipes_text.c: $(recipes) tools/embed.sh
	$(AM_V_GEN)files='$(recipes)' array=cli_recipe_texts ending=.conf && $(embed)
cli/start_text.c: $(starts) tools/embed.sh
	$(AM_V_GEN)files='$(starts)' array=cli_start_texts ending= && $(embed)
cli/page_text.c: $(pages) tools/embed.sh
	$(AM_V_GEN)files='$(pages)' array=cli_page_texts ending=.html && $(embed)

# Man pages, one for each verb, made of what --help prints. They need the program to run, so a build
# for another machine has none.
EXTRA_DIST += tools/man.sh tools/reference.sh share/palimpsest.bash share/_palimpsest
man1dir = $(mandir)/man1
if !CROSS_COMPILING
all-local: man/made
endif
man/made: palimpsest$(EXEEXT) tools/man.sh
	$(AM_V_GEN)rm -rf man && $(MKDIR_P) man && \
	  sh $(srcdir)/tools/man.sh ./palimpsest$(EXEEXT) >man/palimpsest.1 && \
	  for verb in `./palimpsest$(EXEEXT) --help | sed -n '1,/^options/s/^  \([a-z][a-z-]*\) .*/\1/p'`; do \
	    sh $(srcdir)/tools/man.sh ./palimpsest$(EXEEXT) $$verb >man/palimpsest-$$verb.1 || exit 1; \
	  done && touch $@
# Documents and examples, in the folders in which they link to each other.
docfiles = README.md CHANGELOG.md CONTRIBUTING.md LICENSE CITATION.cff
install-data-local:
	for folder in doc examples examples/pram examples/structure examples/sudoku examples/sudoku/checkpoint \
	    examples/sudoku/checkpoint/ckpt recipes; do \
	  $(MKDIR_P) "$(DESTDIR)$(docdir)/$$folder" || exit 1; \
	  for file in $(srcdir)/$$folder/*; do \
	    case $$file in *.mk | *.sh) continue ;; esac; \
	    test ! -f "$$file" || $(INSTALL_DATA) "$$file" "$(DESTDIR)$(docdir)/$$folder" || exit 1; \
	  done; \
	done
	for file in $(docfiles); do \
	  $(INSTALL_DATA) "$(srcdir)/$$file" "$(DESTDIR)$(docdir)" || exit 1; done
	$(MKDIR_P) "$(DESTDIR)$(man1dir)" "$(DESTDIR)$(datadir)/bash-completion/completions" \
	  "$(DESTDIR)$(datadir)/zsh/site-functions"
	for page in man/*.1; do \
	  test ! -f "$$page" || $(INSTALL_DATA) "$$page" "$(DESTDIR)$(man1dir)" || exit 1; done
	$(INSTALL_DATA) $(srcdir)/share/palimpsest.bash \
	  "$(DESTDIR)$(datadir)/bash-completion/completions/palimpsest"
	$(INSTALL_DATA) $(srcdir)/share/_palimpsest "$(DESTDIR)$(datadir)/zsh/site-functions/_palimpsest"
uninstall-local:
	for file in $(docfiles) doc examples recipes; do rm -rf "$(DESTDIR)$(docdir)/$$file"; done
	rm -f "$(DESTDIR)$(man1dir)"/palimpsest.1 "$(DESTDIR)$(man1dir)"/palimpsest-*.1 \
	  "$(DESTDIR)$(datadir)/bash-completion/completions/palimpsest" \
	  "$(DESTDIR)$(datadir)/zsh/site-functions/_palimpsest"
clean-local: clean-man
clean-man:
	rm -rf man
.PHONY: clean-man
