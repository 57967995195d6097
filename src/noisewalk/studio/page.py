"""The page has a tab for each technique, which is made from its request, a tab to train and the history."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from ..models.zoo import bundled
from ..techniques import TECHNIQUES
from . import actions
from .api import endpoints
from .components import scripted
from .dials import dials
from .forms import Form, build
from .history import asking, restoring
from .studio import Studio
from .teach import lesson

MOST_WORDS = 4000
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""The options of events that only the page needs."""
COMPUTING: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
"""The options of events that compute, which wait in the studio's own line."""


def page(studio: Studio) -> gr.Blocks:
    """Return the page of a studio, with the endpoints of its interface."""
    forms: dict[str, tuple[Form, Any]] = {}
    with gr.Blocks(title="noisewalk studio", analytics_enabled=False, delete_cache=(60, 600)) as blocks:
        gr.HTML(heading())
        teaching = gr.Checkbox(True, label="Teaching mode: equations that follow the walk", elem_classes="nw-teaching")
        teaching.change(None, teaching, js="(on) => { document.body.classList.toggle('nw-plain', !on); }", **PRIVATE)
        with gr.Tabs() as tabs:
            for technique in TECHNIQUES:
                with gr.Tab(technique, id=technique):
                    forms[technique] = technique_tab(studio, technique)
            with gr.Tab("train", id="train"):
                training(studio)
            with gr.Tab("history", id="history"):
                history(studio, tabs, forms)
        endpoints(studio)
    return blocks


def heading() -> str:
    """Return the HTML of the title, and the words that complete prompts."""
    words = [str(word) for card in bundled().values() for word in (*card.get("prompts", ()), *card.get("known", ()))]
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    options = "".join(f"<option value='{html.escape(word, quote=True)}'></option>" for word in [*digits, *words][:MOST_WORDS])
    return (
        "<div class='nw-head'><h1>noisewalk studio</h1>"
        "<p>A picture is a walk down a list of noise levels. Choose a technique and watch it walk.</p></div>"
        f"<datalist id='nw-known'>{options}</datalist>"
    )


def technique_tab(studio: Studio, technique: str) -> tuple[Form, Any]:
    """Make the tab of a technique, and return its form and the list of models."""
    with gr.Column(elem_classes="technique", elem_id=f"technique-{technique}"):
        gr.HTML(lesson(technique))
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                model = models(studio)
                form = build(technique, studio.limits)
                with gr.Row():
                    run = gr.Button("Run", variant="primary", elem_id=f"{technique}-run")
                    stop = gr.Button("Stop", elem_id=f"{technique}-stop")
            with gr.Column(scale=6, min_width=320):
                made = dials(technique)
                viewer = scripted("noisewalkViewer", {}, elem_id=f"{technique}-viewer")
                if any(form.named(name) for name in ("prompt", "prompts", "far")):
                    search(studio, form, model)
        inputs, walking = [model, *form.components], actions.walking(studio, form)
        run.click(walking, inputs, viewer, trigger_mode="multiple", **COMPUTING)
        stop.click(actions.stopping(studio, technique), None, None, queue=False, **PRIVATE)
        for box in (*form.named("prompt"), *form.named("prompts"), *form.named("far"), *form.named("near")):
            box.submit(walking, inputs, viewer, trigger_mode="multiple", **COMPUTING)
        for dial in made:
            dial.connect(form, actions.stopping(studio, technique), walking, inputs, viewer, COMPUTING)
        model.change(actions.new_defaults(studio, form), model, form.components, **PRIVATE)
    return form, model


def models(studio: Studio) -> Any:
    """Make the list of the models that this studio offers."""
    return gr.Dropdown(["auto", *studio.models], value="auto", label="model", info="auto: digits if the prompts name digits")


def search(studio: Studio, form: Form, model: Any) -> None:
    """Make the search of seeds with the settings of a form; its gallery fills and is sorted while it runs."""
    technique = form.technique
    with gr.Accordion("Search the seeds, and suggest partners", open=False):
        with gr.Row(elem_classes="fields"):
            seeds = gr.Textbox("0:16", label="seeds", info="0:16, or 1,5,9", lines=1, max_lines=1)
            rank = gr.Dropdown(["alignment", "concealment", "margin"], value="alignment", label="rank by")
        with gr.Row():
            go = gr.Button("Search", elem_id=f"{technique}-search")
            stop = gr.Button("Stop the search")
        gallery = scripted("noisewalkGallery", {}, elem_id=f"{technique}-gallery")
        go.click(
            actions.searching(studio, form), [seeds, rank, model, *form.components], gallery, trigger_mode="once", **COMPUTING
        )
        stop.click(actions.stopping(studio, f"{technique} search"), None, None, queue=False, **PRIVATE)
        gallery.open(actions.opened, gallery, [*form.named("seed"), *form.named("num")], **PRIVATE).then(
            None, None, None, js=f"() => document.querySelector('#{technique}-run').click()", **PRIVATE
        )
        if form.named("prompts") and form.named("views"):
            suggest = gr.Button("Suggest partners for the first prompt")
            partners = gr.Radio([], label="partners, the best first", visible=False)
            ask = [model, form.named("prompts")[0], form.named("views")[1]]
            suggest.click(actions.suggesting(studio), ask, partners, **COMPUTING | {"show_progress": "full"})
            partners.input(lambda partner: partner, partners, form.named("prompts")[1], **PRIVATE)


def training(studio: Studio) -> None:
    """Make the tab in which a small network learns to draw digits."""
    with gr.Column(elem_classes="technique"):
        gr.HTML(
            "<p>A network learns from 5,000 handwritten digits, on this machine. The loss falls at once, the samples follow "
            "later. The trained network is not kept; <code>noisewalk train</code> keeps one.</p>"
        )
        with gr.Row(elem_classes="fields"):
            objective = gr.Dropdown(
                ["flow", "ddpm", "denoiser"], value="flow", label="objective", info="what the network predicts"
            )
            classes = gr.Checkbox(True, label="classes", info="whether the network is told the digit")
            epochs = gr.Number(4, label="epochs", info="passes over the digits", minimum=0.1, maximum=100)
            minutes = gr.Number(1, label="minutes", info="after which it stops", minimum=0.01, maximum=studio.limits.minutes)
            seed = gr.Number(0, label="seed", info="of the weights and the order of the digits", precision=0, minimum=0)
        with gr.Row():
            go = gr.Button("Train", variant="primary", elem_id="train-run")
            stop = gr.Button("Stop", elem_id="train-stop")
        gallery = scripted("noisewalkGallery", {}, elem_id="train-gallery")
    go.click(actions.training(studio), [objective, classes, epochs, minutes, seed], gallery, trigger_mode="once", **COMPUTING)
    stop.click(actions.stopping(studio, "train"), None, None, queue=False, **PRIVATE)


def history(studio: Studio, tabs: Any, forms: dict[str, tuple[Form, Any]]) -> None:
    """Make the tab of the session's pictures."""
    kept = scripted("noisewalkHistory", {}, most=studio.limits.upload, elem_id="history")
    targets = [part for form, model in forms.values() for part in (model, *form.components)]
    kept.restore(
        restoring(studio, {technique: form for technique, (form, _) in forms.items()}),
        kept,
        [kept, tabs, *targets],
        **COMPUTING,
    )
    kept.ask(asking(studio), kept, kept, **COMPUTING)
