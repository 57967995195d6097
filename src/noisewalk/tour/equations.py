"""The equations that the tours show, as HTML."""

X = "x<sub>t</sub>"
_NOISED = f"{X} = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε"

WALK = (
    f"x<sub>s</sub> = α<sub>s</sub> x̂<sub>0</sub> + σ<sub>s</sub> ε̂, <b>with</b> x̂<sub>0</sub> = E[x<sub>0</sub> | {X}], "
    f"ε̂ = ({X} − α<sub>t</sub> x̂<sub>0</sub>) / σ<sub>t</sub>"
)
FORWARD = f"{_NOISED}, <b>with</b> ε ∼ N(0, I)"
DENOISE = (
    f"<b>blur:</b> G ∗ {X} / α<sub>t</sub> &emsp; <b>one step:</b> E[x<sub>0</sub> | {X}] &emsp; <b>iterative:</b> the walk"
)
GUIDANCE = "x̂<sub>0</sub> = x̂<sub>0</sub><sup>∅</sup> + g (x̂<sub>0</sub><sup>prompt</sup> − x̂<sub>0</sub><sup>∅</sup>)"
SDEDIT = f"{_NOISED} <b>at the start</b> t, <b>then the walk from there</b>"
TEXT_EDIT = f"{_NOISED}, <b>then the walk under guidance</b>"
INPAINT = "x<sub>s</sub> ← m x<sub>s</sub> + (1 − m) (α<sub>s</sub> x<sub>0</sub> + σ<sub>s</sub> ε)"
PARTS = (
    f"x̂<sub>0</sub> = Σ<sub>i</sub> part<sub>i</sub>( model({X}, prompt<sub>i</sub>) ), "
    "<b>with</b> Σ<sub>i</sub> part<sub>i</sub> = 1"
)
ANAGRAM = (
    f"x̂<sub>0</sub> = Σ<sub>i</sub> w<sub>i</sub> v<sub>i</sub><sup>−1</sup>( model( v<sub>i</sub>({X}), prompt<sub>i</sub> ) )"
)
HYBRID = f"x̂<sub>0</sub> = G ∗ model({X}, far) + (1 − G) ∗ model({X}, near)"
UPSAMPLE = f"x̂<sub>0</sub> = model({X}, <b>enlarged small picture</b>, prompt)"
FLOW = f"L = E || u({X}, t) − (ε − x<sub>0</sub>) ||², <b>with</b> {X} = (1 − t) x<sub>0</sub> + t ε"
DDPM = f"L = E || ε̂({X}, t) − ε ||², <b>with</b> {X} = √ᾱ<sub>t</sub> x<sub>0</sub> + √(1 − ᾱ<sub>t</sub>) ε"
