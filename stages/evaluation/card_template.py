"""Jinja template of the model card.

It is Python source and not a file of its own, because `stages.code` fingerprints modules: a change of the template must
run evaluate again.
"""

TEMPLATE = """\
# {{ run.name }}

Says which of {{ num_classes }} classes an image of {{ title }} shows. Trained by the recipe `{{ run.recipe }}` with seed {{ run.seed }}; {{ parameters | thousands }} parameters.

## Result

|  | test images | training images |
|---|---|---|
| images | {{ info.test.images | thousands }} | {{ info.train.images | thousands }} |
| accuracy | {{ test.accuracy | decimals }} | {{ train.accuracy | decimals }} |
| balanced accuracy | {{ test.balanced_accuracy | decimals }} | {{ train.balanced_accuracy | decimals }} |
| macro F1 | {{ test.macro_f1 | decimals }} | {{ train.macro_f1 | decimals }} |
| 95 % interval of the accuracy | {{ interval }} |  |
| errors | {{ test.errors | thousands }} | {{ train.errors | thousands }} |
| loss (cross-entropy, nats) | {{ test.loss | decimals }} | {{ train.loss | decimals }} |
| expected calibration error | {{ calibration_error | decimals }} |  |
{% if published is not none %}
| published accuracy | {{ published | decimals }} |  |
| gain | {{ (test.accuracy - published) | difference }} |  |
{% endif %}

Balanced accuracy is the mean recall of the classes that have images, macro F1 their mean F1.
The interval is Wilson's (1927), the calibration error that of Guo et al. (2017) with 15 bins.

## Limits

- It sees {{ colour }} images of {{ height }} × {{ width }} pixels, 0…255; anything else must be made into such first.
- It knows no answer but its {{ num_classes }} classes, and gives one to every image.
- It was trained and scored on {{ title }} alone; nothing is known of it on other images.
{% if test.accuracy <= test.majority %}
- It is no better than an answer that is always the most frequent class, which would have an accuracy of {{ test.majority | decimals }}.
{% endif %}
{% if recipe.training.validation == "test" %}
- Its curves were validated on the test images: whoever chose the recipe by them has chosen by the test.
{% endif %}
- Its weakest classes, with their accuracy: {{ weakest_classes | join(", ") }}.
{% if commonest_mistakes %}
- Its commonest mistakes: {{ commonest_mistakes | join(", ") }}.
{% else %}
- It made no mistake on the test images.
{% endif %}
- Its accuracy on the images it was trained on differs by {{ (train.accuracy - test.accuracy) | difference }} from that on the test images.
- Its confidence differs from its accuracy by {{ calibration_error | decimals }} on average.

## Each class

| class | test images | accuracy (recall) | 95 % interval | precision | F1 |
|---|---|---|---|---|---|
{% for cells in class_rows %}
| {{ cells | join(" | ") }} |
{% endfor %}

## Use

Plain Keras is enough; the scaling of pixels is a layer of the model.

```python
import keras, numpy as np

classes = {{ classes_as_code }}
model = keras.saving.load_model("{{ model_path.name }}")
images = np.zeros((1, {{ height }}, {{ width }}, {{ channels }}), np.uint8)  # yours, 0…255
probabilities = model.predict(images)  # float32, (1, {{ num_classes }})
print(classes[probabilities[0].argmax()])
```
{% if litert_path %}

`{{ litert_path.name }}` is the same network for LiteRT (`ai-edge-litert`), without TensorFlow:
one image at a time, float32 (1, {{ height }}, {{ width }}, {{ channels }}), 0…255, in; float32 (1, {{ num_classes }}) out.
{% endif %}

## Network

| layer | kind | output | parameters |
|---|---|---|---|
{% for cells in layer_rows %}
| {{ cells | join(" | ") }} |
{% endfor %}
{% if num_views > 1 %}

The model's answer is the mean of what this network answers to {{ num_views }} views of the image.
{% endif %}

## Recipe

`{{ run.recipe_path }}`, with seed {{ run.seed }}:

```yaml
{{ recipe_text }}
```

## Data

- dataset: {{ title }}
{% if dataset.licence %}
- licence: {{ dataset.licence | markdown_text }}
{% endif %}
{% if dataset.source %}
- source: {{ dataset.source | markdown_text }}
{% endif %}
- images: {{ info.train.images | thousands }} to train on, {{ info.test.images | thousands }} to test on

| array | SHA-256 |
|---|---|
{% for path in arrays %}
| `{{ path }}` | `{{ path | sha256 }}` |
{% endfor %}

## Made with

- model file: {{ model_path | fingerprint }}
- LiteRT file: {% if litert_path %}{{ litert_path | fingerprint }}{% else %}none, since LiteRT lacks what a layer needs{% endif +%}
- trained on {{ threads }} processor thread{% if threads > 1 %}s{% endif %}, {% if precision == "float32" %}in float32{% else %}asked for {{ precision }}; float32 where the processor lacks it{% endif +%}
- scored with Python {{ python }}, {{ libraries | join(", ") }}
"""  # noqa: E501, a line of Markdown is a line of the template
